import { after, before, describe } from 'node:test'
import { missingPostgres, startPostgres, type TestPostgres } from 'test-postgres'
import { requestLogSuite } from '../../tests/request-log-suite.ts'
import { openPostgresBlockStore } from './postgres-block-store.ts'

describe('on Postgres', { skip: missingPostgres }, () => {
  let server: TestPostgres
  before(async () => {
    server = await startPostgres()
  })
  after(() => server.destroy())

  requestLogSuite('the request log in partitions', async () => {
    const store = await openPostgresBlockStore({ url: await server.createDatabase() })
    return {
      store,
      async empty() {
        for (const day of await store.days()) await store.drop(day)
      },
      destroy: () => store.close(),
    }
  })
})
