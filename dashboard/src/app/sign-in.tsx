import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import type { login } from '../../../src/api/admin/contract-session.ts'
import { type Answer, ask } from '../data/ask.ts'
import { client } from '../data/client.ts'
import { setCallCredential } from '../data/credential.ts'
import { Field } from '../parts/field.tsx'

export function SignIn() {
  const [username, setUsername] = useState('admin')
  const [password, setPassword] = useState('')
  const signIn = useMutation({
    meta: { told: 'in place' },
    mutationFn: () =>
      ask<Answer<typeof login>>('/api/session/login', {
        method: 'POST',
        body: { username, password },
      }),
    onSuccess: ({ token }) => {
      setCallCredential(token)
      // Nothing of whoever was here before.
      void client.resetQueries()
    },
  })
  return (
    <main className="alone">
      <form
        className="panel sign-in"
        onSubmit={(event) => {
          event.preventDefault()
          signIn.mutate()
        }}
      >
        <h1>Sluice</h1>
        <p className="dim">
          The password was printed at the first start, and stands in <code>first-run.txt</code> in
          the data folder until the first sign-in; or it is in your configuration.
        </p>
        <Field
          label="Name"
          value={username}
          onChange={setUsername}
          autoComplete="username"
          required
        />
        <Field
          label="Password"
          type="password"
          value={password}
          onChange={setPassword}
          autoComplete="current-password"
          problem={signIn.error?.message ?? null}
          required
        />
        <button type="submit" className="primary" disabled={signIn.isPending}>
          Sign in
        </button>
      </form>
    </main>
  )
}
