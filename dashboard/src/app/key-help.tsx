import { usePreference } from '../data/preference.ts'
import { Dialog } from '../parts/dialog.tsx'
import { Check } from '../parts/field.tsx'
import { pages } from './pages.ts'

const others: readonly (readonly [string, string])[] = [
  ['Ctrl K', 'find a page, a key, a model, a request'],
  ['/', 'to the search or filter of this page'],
  ['j k', 'next and previous row'],
  ['Enter', 'open the row'],
  ['[ ]', 'previous and next request'],
  ['r', 'raw or rendered request'],
  ['c', 'copy the request as curl'],
  ['space', 'pause what moves'],
  ['t', 'colours'],
  ['Esc', 'close'],
]

export function KeyHelp({ onClose }: { readonly onClose: () => void }) {
  const [wish, setWish] = usePreference('hotkeys')
  return (
    <Dialog title="Keys" onClose={onClose}>
      <dl className="keys">
        {others.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
        {pages.map(({ key, name }) => (
          <div key={key}>
            <dt>
              <kbd>g {key}</kbd>
            </dt>
            <dd>{name}</dd>
          </div>
        ))}
      </dl>
      <Check
        label="Single keys do something"
        checked={wish !== 'off'}
        onChange={(on) => setWish(on ? 'on' : 'off')}
      />
    </Dialog>
  )
}
