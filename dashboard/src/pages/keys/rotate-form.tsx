import { useState } from 'react'
import { ask } from '../../data/ask.ts'
import { useChange } from '../../data/use-change.ts'
import { Dialog } from '../../parts/dialog.tsx'
import { Select } from '../../parts/field.tsx'
import { keysPath, type NewKey, type VirtualKey } from './key-shapes.ts'

const overlaps = [
  ['0s', 'at once'],
  ['15m', 'after 15 minutes'],
  ['1h', 'after an hour'],
  ['24h', 'after a day'],
  ['7d', 'after a week'],
] as const

/** Another value for the same key; the old one goes on for as long as its users need to change over. */
export function RotateForm(props: {
  readonly target: VirtualKey
  readonly onClose: () => void
  readonly onMade: (key: NewKey) => void
}) {
  const { target, onClose, onMade } = props
  const [overlap, setOverlap] = useState('1h')
  const rotate = useChange<void, NewKey>(
    () =>
      ask(`${keysPath}/${target.id}/rotate`, {
        method: 'POST',
        ifVersion: target.version,
        body: { overlap },
      }),
    {
      rereads: [keysPath],
      onDone: (key) => {
        onClose()
        onMade(key)
      },
    },
  )
  return (
    <Dialog title={`Rotate ${target.name}`} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          rotate.mutate()
        }}
      >
        <Select
          label="The old value stops working"
          value={overlap}
          onChange={setOverlap}
          options={overlaps}
        />
        <div className="actions">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="primary" disabled={rotate.isPending}>
            Make a new value
          </button>
        </div>
      </form>
    </Dialog>
  )
}
