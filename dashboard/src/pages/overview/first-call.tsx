import { callCredential } from '../../data/credential.ts'
import { Snippets } from '../../parts/code.tsx'
import { Empty } from '../../parts/states.tsx'
import { callSnippets } from '../snippets.ts'

/** What a newcomer does first, with the address of this very gateway. */
export function FirstCall() {
  return (
    <Empty title="No request in this time">
      <p>
        Send one, and it appears here by itself. The key was printed at the first start; <b>Keys</b>{' '}
        makes another.
      </p>
      <Snippets snippets={callSnippets(location.origin, 'demo/hello')} />
      {callCredential() !== null && (
        <p className="dim">Or try the Playground: it needs no key while you are signed in.</p>
      )}
    </Empty>
  )
}
