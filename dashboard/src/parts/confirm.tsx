import { useState } from 'react'
import { Dialog } from './dialog.tsx'
import { Field } from './field.tsx'

/** Asks for the name of what is to go, so that it is not the wrong one. */
export function Confirm(props: {
  readonly title: string
  readonly text: string
  readonly verb: string
  readonly typed?: string
  readonly isBusy: boolean
  readonly onDo: () => void
  readonly onClose: () => void
}) {
  const { title, text, verb, typed, isBusy, onDo, onClose } = props
  const [given, setGiven] = useState('')
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          onDo()
        }}
      >
        <p>{text}</p>
        {typed !== undefined && (
          <Field label={`Type “${typed}” to go on`} value={given} onChange={setGiven} />
        )}
        <div className="actions">
          <button type="button" onClick={onClose}>
            Keep it
          </button>
          <button
            type="submit"
            className="danger"
            disabled={isBusy || (typed !== undefined && given !== typed)}
          >
            {verb}
          </button>
        </div>
      </form>
    </Dialog>
  )
}
