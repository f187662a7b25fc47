import { useState } from 'react'
import { setCallCredential, useCallCredential } from '../../data/credential.ts'
import { Field } from '../../parts/field.tsx'

/** With what calls are made: the session since signing in, or a virtual key. Neither survives a reload. */
export function CallAs({ why }: { readonly why?: string }) {
  const credential = useCallCredential()
  const [value, setValue] = useState('')
  if (credential !== null)
    return (
      <p className="dim">
        Calls are made as{' '}
        {credential.startsWith('sk-bf-') ? `the key …${credential.slice(-4)}` : 'you, the admin'}.{' '}
        <button type="button" className="link" onClick={() => setCallCredential(null)}>
          Use another key
        </button>
      </p>
    )
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault()
        setCallCredential(value.trim())
      }}
    >
      <Field
        label="A virtual key to call with"
        type="password"
        value={value}
        onChange={setValue}
        placeholder="sk-bf-…"
        hint={`${why ?? 'Calls are paid by it.'} It is kept in this page alone, until it is loaded anew.`}
        required
      />
      <div className="actions">
        <button type="submit">Use it</button>
      </div>
    </form>
  )
}
