import { run } from '../../src/cli/run.ts'

// The gateway with every chat call going through the framework: the second road the contract suite drives.
await run(process.argv.slice(2), { front: false })
