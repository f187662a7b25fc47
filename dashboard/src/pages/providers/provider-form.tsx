import { useState } from 'react'
import { ask } from '../../data/ask.ts'
import { useChange } from '../../data/use-change.ts'
import { Dialog } from '../../parts/dialog.tsx'
import { Check, Field } from '../../parts/field.tsx'
import { TextArea } from '../../parts/text-area.tsx'
import {
  changeBetween,
  keyFieldsOf,
  type Provider,
  pathOf,
  providersPath,
  rereads,
} from './provider-shapes.ts'

const usualTypes = [
  ...['openai', 'azure', 'anthropic', 'gemini', 'vertex', 'bedrock', 'cohere', 'groq', 'mistral'],
  ...['deepseek', 'xai', 'openrouter', 'together', 'fireworks', 'perplexity', 'cerebras'],
  ...['openai-compatible', 'ollama', 'vllm', 'lmstudio'],
]

/** A provider to be made, with its first key where that is a single word. */
export function NewProviderForm({ onClose }: { readonly onClose: () => void }) {
  const [name, setName] = useState('')
  const [type, setType] = useState('')
  const [url, setUrl] = useState('')
  const [value, setValue] = useState('')
  const [isPrivate, setPrivate] = useState(false)
  // Made, but its key was refused: it is not made twice.
  const [made, setMade] = useState<Provider | null>(null)
  const isPlain = keyFieldsOf(type || name).length === 1
  const save = useChange<void, Provider>(
    async () => {
      const settings = {
        ...(type !== '' && { type }),
        ...(url !== '' && { base_url: url }),
        ...(isPrivate && { allow_private_network: true }),
      }
      const body = { name, settings }
      const provider = made ?? (await ask<Provider>(providersPath, { method: 'POST', body }))
      setMade(provider)
      if (isPlain && value !== '')
        await ask(`${pathOf(provider)}/keys`, { method: 'POST', body: { name: 'main', value } })
      return provider
    },
    { rereads, told: () => `${name} was made`, onDone: onClose },
  )
  const problem = (param: string) => (save.error?.param === param ? save.error.message : null)
  const shown = ['name', 'settings.type', 'settings.base_url', 'value']
  return (
    <Dialog title="A new provider" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          save.mutate()
        }}
      >
        <Field
          label="Name"
          value={name}
          onChange={setName}
          required
          placeholder="groq"
          hint="What stands before the slash: name/model."
          problem={problem('name')}
        />
        <Field
          label="Type"
          value={type}
          onChange={setType}
          list={usualTypes}
          placeholder={usualTypes.includes(name) ? name : 'openai-compatible'}
          hint="Empty: the name itself, where that is one."
          problem={problem('settings.type')}
        />
        <Field
          label="Base URL"
          value={url}
          onChange={setUrl}
          placeholder="https://…"
          hint="Empty: the one of its type."
          problem={problem('settings.base_url')}
        />
        {isPlain ? (
          <Field
            label="Credential"
            type="password"
            autoComplete="new-password"
            value={value}
            onChange={setValue}
            hint="Kept encrypted, and never shown again. Empty: keys are given later."
            problem={problem('value')}
          />
        ) : (
          <p className="dim">Its keys are given once it is made.</p>
        )}
        <Check
          label="It may be reached in the private network"
          checked={isPrivate}
          onChange={setPrivate}
        />
        {save.error && !shown.includes(save.error.param ?? '') && (
          <p className="problem">{save.error.message}</p>
        )}
        <div className="actions">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="primary" disabled={save.isPending}>
            Create provider
          </button>
        </div>
      </form>
    </Dialog>
  )
}

/** The settings of a provider as a file would have them. What is masked and left as it is stays what it is. */
export function ProviderSettingsForm(props: {
  readonly provider: Provider
  readonly onClose: () => void
}) {
  const { provider, onClose } = props
  const [text, setText] = useState(JSON.stringify(provider.settings, null, 2))
  const save = useChange<void, Provider>(
    async () => {
      const settings = changeBetween({ ...provider.settings }, parsed(text))
      return await ask<Provider>(pathOf(provider), {
        method: 'PATCH',
        ifVersion: provider.version,
        body: { settings },
      })
    },
    { rereads, told: ({ name }) => `${name} was changed`, onDone: onClose },
  )
  return (
    <Dialog title={`Settings of ${provider.name}`} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          save.mutate()
        }}
      >
        <TextArea label="Settings" value={text} onChange={setText} rows={14} />
        <small>
          What the configuration file says below a provider’s name, as JSON. Secrets are masked; one
          that is left as it is shown stays what it is.
        </small>
        {save.error && (
          <p className="problem" role="alert">
            {save.error.message}
          </p>
        )}
        <div className="actions">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="primary" disabled={save.isPending}>
            Save
          </button>
        </div>
      </form>
    </Dialog>
  )
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(text)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  throw new Error('The settings must be a block in braces')
}
