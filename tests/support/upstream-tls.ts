import { readFileSync } from 'node:fs'

/**
 * What is wrong with the server's TLS. `stall` accepts and never answers the handshake, `plaintext`
 * answers it with plain HTTP; the others are certificates.
 */
export type TlsVariant = 'good' | 'expired' | 'wrong-host' | 'self-signed' | 'stall' | 'plaintext'

const fixture = (name: string): string =>
  readFileSync(new URL(`../fixtures/tls/${name}.pem`, import.meta.url), 'utf8')

/** The authority that signed `good`, `expired` and `wrong-host`, as PEM. */
export const testAuthority = (): string => fixture('ca')

export function readCertificate(variant: TlsVariant): { key: string; cert: string } {
  return { key: fixture(`${variant}.key`), cert: fixture(variant) }
}
