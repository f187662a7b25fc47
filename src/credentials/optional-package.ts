import { GatewayError } from '../core/errors.ts'

/** Loads a package that stands in nobody's way until it is needed. */
export type LoadPackage = (name: string) => Promise<unknown>

const importPackage: LoadPackage = (name) => import(name)

/** Throws `upstream_auth_failed` that names the package where it is not installed. */
export async function loadOptionalPackage(
  name: string,
  load: LoadPackage = importPackage,
): Promise<unknown> {
  try {
    return await load(name)
  } catch (thrown) {
    const code = (thrown as { code?: unknown } | null)?.code
    const missing = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND'
    throw new GatewayError(
      'upstream_auth_failed',
      missing
        ? `its credentials need the package "${name}", which is not installed beside Sluice. Run: npm install ${name}`
        : `its credentials need the package "${name}", which cannot be loaded`,
      { dispatched: false, ...(!missing && { cause: thrown }) },
    )
  }
}
