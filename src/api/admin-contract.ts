import { keyOperations } from './admin/contract-keys.ts'
import { logOperations } from './admin/contract-logs.ts'
import { moneyOperations } from './admin/contract-money.ts'
import { providerOperations } from './admin/contract-providers.ts'
import { sessionOperations } from './admin/contract-session.ts'
import { systemOperations } from './admin/contract-system.ts'
import { tenantOperations } from './admin/contract-tenants.ts'
import type { Operation } from './admin/operation.ts'

/** Everything that is asked below `/api`. This file and those it imports need nothing but the schemas' library. */
export const adminOperations: readonly Operation[] = [
  ...sessionOperations,
  ...keyOperations,
  ...tenantOperations,
  ...providerOperations,
  ...moneyOperations,
  ...systemOperations,
  ...logOperations,
]
