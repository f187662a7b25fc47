import { ConfigError, type ConfigProblem } from '../../config/config-error.ts'
import type { LoadedConfig } from '../../config/load.ts'
import { GatewayError } from '../../core/errors.ts'
import { adminPrincipal } from '../../governance/admin-door.ts'
import { isJobId, toJobId } from '../async-calls.ts'
import { listedJob } from '../job-replies.ts'
import type { AdminDeps } from './admin-deps.ts'
import { type AdminRoute, bind } from './admin-route.ts'
import { auditOf } from './change.ts'
import { invalid } from './check-fields.ts'
import {
  cancelJobRow,
  getConfig,
  getJobRow,
  listAudit,
  listJobRows,
  reloadConfig,
  validateConfig,
} from './contract-system.ts'
import { pageOfFetched, timeText, usualLimit } from './page.ts'

/** Jobs, the configuration and the audit over HTTP. */
export function systemRoutes(deps: AdminDeps): readonly AdminRoute[] {
  return [...jobRoutes(deps), ...configRoutes(deps), auditRoute(deps)]
}

function jobRoutes({ jobs }: AdminDeps): readonly AdminRoute[] {
  const show = (job: Parameters<typeof listedJob>[0]) => ({
    object: 'job' as const,
    ...listedJob(job),
  })
  return [
    bind(listJobRows, async ({ query: { status = null, limit = usualLimit, after } }) => {
      if (after !== undefined && !isJobId(after))
        throw invalid('after', '"after" must be the id of a job, the last of the page before')
      const from = after?.toLowerCase() ?? null
      const found = await jobs.list(adminPrincipal, { status, after: from, limit: limit + 1 })
      return { body: pageOfFetched(found.map(show), limit) }
    }),
    bind(getJobRow, async ({ params: { id = '' } }) => ({
      body: show(await jobs.find(toJobId(id), adminPrincipal)),
    })),
    bind(cancelJobRow, async ({ params: { id = '' } }) => ({
      body: show(await jobs.cancel(toJobId(id), adminPrincipal)),
    })),
  ]
}

function configRoutes({ source, store, runtime }: AdminDeps): readonly AdminRoute[] {
  return [
    bind(getConfig, async () => {
      const loaded = source.current()
      return { body: { object: 'config', ...told(loaded), ...settingsOf(loaded) } }
    }),
    bind(validateConfig, async ({ body: { text } }) => {
      const none = { warnings: [], not_in_force: [], settings: [] }
      const answer = { object: 'validation' as const, valid: true, problems: [], ...none }
      try {
        const loaded = source.check(text)
        const { warnings, not_in_force } = told(loaded)
        return { body: { ...answer, warnings, not_in_force, ...settingsOf(loaded) } }
      } catch (thrown) {
        if (!(thrown instanceof ConfigError)) throw thrown
        return { body: { ...answer, valid: false, problems: thrown.problems.map(showProblem) } }
      }
    }),
    bind(reloadConfig, async (request) => {
      try {
        const needRestart = await source.reload()
        const entry = {
          action: 'reload',
          kind: 'config',
          object: 'config',
          before: null,
          after: null,
        }
        await store.appendAudit(auditOf(request, entry, runtime))
        const warnings = [...source.current().warnings]
        return { body: { object: 'reload', need_restart: [...needRestart], warnings } }
      } catch (thrown) {
        if (!(thrown instanceof ConfigError)) throw thrown
        const [first] = thrown.problems
        const place = first?.line ? ` (line ${first.line})` : ''
        throw new GatewayError(
          'invalid_request',
          `The configuration is refused, and the one before stays in force: ${first?.message ?? ''}${place}`,
          { cause: thrown },
        )
      }
    }),
  ]
}

const told = ({ file, warnings, notInForce }: LoadedConfig) => ({
  file,
  warnings: [...warnings],
  not_in_force: [...notInForce],
})

const settingsOf = ({ settings }: LoadedConfig) => ({
  settings: settings.map((each) => ({ ...each })),
})

const showProblem = ({ line, column, message }: ConfigProblem) => ({ line, column, message })

function auditRoute({ store }: AdminDeps): AdminRoute {
  return bind(listAudit, async ({ query }) => {
    const { kind = null, object = null, actor = null, after = null, limit = usualLimit } = query
    const found = await store.listAudit({ kind, object, actor }, { after, limit: limit + 1 })
    const shown = found.map(({ object: target, at, requestId, before, after: then, ...rest }) => ({
      object: 'audit_entry' as const,
      ...rest,
      target,
      at: timeText(at),
      request_id: requestId,
      before: before && { ...before },
      after: then && { ...then },
    }))
    return { body: pageOfFetched(shown, limit) }
  })
}
