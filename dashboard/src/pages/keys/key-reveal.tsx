import { setCallCredential } from '../../data/credential.ts'
import { showToast } from '../../data/toasts.ts'
import { Code, Snippets } from '../../parts/code.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { callSnippets } from '../snippets.ts'
import type { NewKey } from './key-shapes.ts'

/** The only time that a key's value is shown. It is kept nowhere in the browser. */
export function KeyReveal({
  made,
  onClose,
}: {
  readonly made: NewKey
  readonly onClose: () => void
}) {
  const model = made.models?.find((each) => !each.includes('*')) ?? 'demo/hello'
  return (
    <Dialog title={`The key ${made.name}`} onClose={onClose}>
      <p>
        Copy it now. It is shown this once: only a hash of it is kept, and nobody can read it again.
      </p>
      <Code text={made.value} label="Copy key" />
      <h3>Call with it</h3>
      <Snippets
        snippets={[
          { name: 'Shell', text: `export SLUICE_KEY=${made.value}` },
          ...callSnippets(location.origin, model),
        ]}
      />
      <div className="actions">
        <button
          type="button"
          onClick={() => {
            setCallCredential(made.value)
            showToast({ kind: 'done', text: `The playground calls as ${made.name} now` })
          }}
        >
          Use it in the playground
        </button>
        <button type="button" className="primary" onClick={onClose}>
          I have it
        </button>
      </div>
    </Dialog>
  )
}
