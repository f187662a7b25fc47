// Runs first in `npm start` and `npm test`, on whatever Node is first on PATH, so it is written for an old one.
var needed = [24, 15]
var found = process.versions.node.split('.').map(Number)

if (found[0] < needed[0] || (found[0] === needed[0] && found[1] < needed[1])) {
  process.stderr.write(
    'Sluice needs Node ' +
      needed.join('.') +
      ' or newer; this is Node ' +
      process.versions.node +
      '. ' +
      'On Linux x64 and arm64 `npm ci` installs a fitting one beside the dependencies, unless it was run with ' +
      '--omit=optional, --omit=dev or --ignore-scripts: run plain `npm ci` once more. Elsewhere install Node 24 ' +
      '(nodejs.org, or your version manager), open a new shell and try again.\n',
  )
  process.exit(2)
}
