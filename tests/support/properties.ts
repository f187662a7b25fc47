import fc from 'fast-check'

// Where it is to be told whether a change broke something, every run tries the same cases; elsewhere each tries others.
if (process.env['CI']) fc.configureGlobal({ seed: 20_261_124 })

export { fc }
