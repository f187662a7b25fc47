import type { Clock } from '../core/runtime.ts'
import type { AwsIdentity } from './aws-signature.ts'
import { type LoadPackage, loadOptionalPackage } from './optional-package.ts'
import { Renewing } from './renewing.ts'

/** What is used of `@aws-sdk/credential-providers`. */
interface ProvidersPackage {
  fromNodeProviderChain(options: {
    readonly profile?: string
    readonly clientConfig: { readonly region: string }
  }): () => Promise<AwsIdentity & { readonly expiration?: Date }>
}

/** Those of files and the environment have no end; they are looked at again all the same. */
const unendingMs = 15 * 60_000

/**
 * Who this machine is to AWS, by the standard chain: environment, shared files and their profiles, single sign-on, web
 * identity, container and instance roles.
 */
export function findAwsIdentity(options: {
  readonly region: string
  /** Of the shared files; null: the one the environment names. */
  readonly profile: string | null
  readonly clock: Clock
  readonly load?: LoadPackage | undefined
}): Renewing<AwsIdentity> {
  const { region, profile, clock, load } = options
  return new Renewing({
    clock,
    giver: "AWS's credential chain",
    async fetch() {
      const found = await loadOptionalPackage('@aws-sdk/credential-providers', load)
      const { fromNodeProviderChain } = found as ProvidersPackage
      // Made anew each time: the chain would remember what it found.
      const resolve = fromNodeProviderChain({
        ...(profile !== null && { profile }),
        clientConfig: { region },
      })
      const { accessKeyId, secretAccessKey, sessionToken, expiration } = await resolve()
      return {
        value: {
          accessKeyId,
          secretAccessKey,
          ...(sessionToken !== undefined && { sessionToken }),
        },
        lifetimeMs: expiration ? Math.max(0, expiration.getTime() - clock.now()) : unendingMs,
      }
    },
  })
}
