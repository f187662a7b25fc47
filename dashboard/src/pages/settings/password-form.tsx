import { useState } from 'react'
import { ask } from '../../data/ask.ts'
import { client } from '../../data/client.ts'
import { setCallCredential } from '../../data/credential.ts'
import { useChange } from '../../data/use-change.ts'
import { Field } from '../../parts/field.tsx'

/** Another password for the admin; everybody has to sign in with it then, here too. */
export function PasswordForm() {
  const [current, setCurrent] = useState('')
  const [password, setPassword] = useState('')
  const save = useChange<void, unknown>(
    () => ask('/api/session/password', { method: 'POST', body: { current, password } }),
    {
      rereads: [],
      told: () => 'The password was changed; sign in with it',
      onDone: () => {
        setCallCredential(null)
        void client.resetQueries()
      },
    },
  )
  const problem = (param: string) => (save.error?.param === param ? save.error.message : null)
  return (
    <section className="panel">
      <h2>Password</h2>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault()
          save.mutate()
        }}
      >
        <div className="fields">
          <Field
            label="Present password"
            type="password"
            value={current}
            onChange={setCurrent}
            autoComplete="current-password"
            problem={problem('current')}
            required
          />
          <Field
            label="New password"
            type="password"
            value={password}
            onChange={setPassword}
            autoComplete="new-password"
            hint="At least 12 characters. All sessions end with it, this one too."
            problem={problem('password')}
            required
          />
        </div>
        {save.error && !save.error.param && (
          <p className="problem" role="alert">
            {save.error.message}
          </p>
        )}
        <div className="actions">
          <button type="submit" disabled={save.isPending}>
            Change password
          </button>
        </div>
      </form>
    </section>
  )
}
