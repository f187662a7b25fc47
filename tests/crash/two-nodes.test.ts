import assert from 'node:assert/strict'
import { test } from 'node:test'
import { missingPostgres, startPostgres } from 'test-postgres'
import { Chance } from './chance.ts'
import { makeCases } from './crash-case.ts'
import { startJobUpstream } from './job-upstream.ts'
import { awaitJob, startNodes, submitOver } from './two-nodes.ts'

const jobs = 200

test('two gateways on one Postgres share the work, and no job is done twice', {
  skip: missingPostgres,
}, async () => {
  const postgres = await startPostgres()
  try {
    const chance = new Chance(1)
    await using upstream = await startJobUpstream(chance)
    const [a, b] = await startNodes(await postgres.createDatabase(), upstream)
    await using _a = a
    await using _b = b
    const cases = makeCases(1, jobs, chance)
    const ids = await submitOver([a, b], cases)
    assert.equal(new Set(ids).size, jobs)
    // Each is asked for at the node that did not take it in.
    const texts = await Promise.all(
      cases.map((each, i) => awaitJob(i % 2 === 0 ? b : a, each, ids[i] ?? '')),
    )
    for (const [i, { model }] of cases.entries()) {
      const sent = upstream.of(model)
      assert.equal(sent.length, 1, `${model} was sent ${sent.length} times`)
      assert.ok(texts[i]?.includes(sent[0]?.body ?? '-'), `${model}: ${texts[i]}`)
    }
    const byNode = Map.groupBy([...upstream.dispatches.values()].flat(), ({ node }) => node)
    // How the work is spread is up to how busy the machine is; that both take part is not.
    for (const name of ['a', 'b']) assert.ok(byNode.has(name), `${name} did nothing`)
  } finally {
    await postgres.destroy()
  }
})
