// Runs on whatever Node the machine has, so it is written for an old one.
// npm 10 and older drop node_modules/.bin/node when two optional packages offer it; then `npm run` would
// silently use the system's Node. This puts the link back.
var fs = require('fs')
var path = require('path')

var root = path.join(__dirname, '..', '..', 'node_modules')
var binary = path.join(root, 'node-' + process.platform + '-' + process.arch, 'bin', 'node')
var link = path.join(root, '.bin', 'node')

if (fs.existsSync(binary)) {
  fs.mkdirSync(path.dirname(link), { recursive: true })
  try {
    fs.unlinkSync(link)
  } catch (e) {
    if (e.code !== 'ENOENT') throw e
  }
  fs.symlinkSync(path.relative(path.dirname(link), binary), link)
}
