import type { Session } from '../../app/session-gate.tsx'
import { type Theme, themes, useTheme } from '../../app/theme.ts'
import { ask } from '../../data/ask.ts'
import { client, sessionPath } from '../../data/client.ts'
import { setCallCredential } from '../../data/credential.ts'
import { formatFullTime } from '../../data/format.ts'
import { usePreference } from '../../data/preference.ts'
import { useAnswer } from '../../data/use-answer.ts'
import { useChange } from '../../data/use-change.ts'
import { Check, Select } from '../../parts/field.tsx'
import { Loaded } from '../../parts/states.tsx'
import { OpenSessions } from './open-sessions.tsx'
import { PasswordForm } from './password-form.tsx'

/** Who is signed in, and how the pages look. */
export function Access() {
  const session = useAnswer<Session>(sessionPath)
  const [theme, setTheme] = useTheme()
  const [hotkeys, setHotkeys] = usePreference('hotkeys')
  const leave = useChange((path: string) => ask(`${sessionPath}/${path}`, { method: 'POST' }), {
    rereads: [],
    onDone: () => {
      setCallCredential(null)
      void client.resetQueries()
    },
  })
  return (
    <div className="stack">
      <section className="panel">
        <h2>Session</h2>
        <Loaded query={session}>
          {({ username, via, created_at, idle_until, expires_at }) => (
            <dl className="facts">
              <div>
                <dt>Signed in as</dt>
                <dd>
                  {username} ({via})
                </dd>
              </div>
              {created_at && (
                <div>
                  <dt>Since</dt>
                  <dd>{formatFullTime(created_at)}</dd>
                </div>
              )}
              {idle_until && (
                <div>
                  <dt>Ends unused at</dt>
                  <dd>{formatFullTime(idle_until)}</dd>
                </div>
              )}
              {expires_at && (
                <div>
                  <dt>Ends in any case at</dt>
                  <dd>{formatFullTime(expires_at)}</dd>
                </div>
              )}
            </dl>
          )}
        </Loaded>
        <div className="actions more-rows">
          <button type="button" onClick={() => leave.mutate('logout')}>
            Sign out
          </button>
          <button
            type="button"
            className="danger"
            onClick={() => leave.mutate('logout-everywhere')}
          >
            Sign out everywhere
          </button>
        </div>
      </section>
      <OpenSessions />
      <PasswordForm />
      <section className="panel">
        <h2>Look</h2>
        <div className="fields">
          <Select
            label="Colours"
            value={theme}
            onChange={(value) => setTheme(value as Theme)}
            options={themes.map((each) => [each, each === 'auto' ? 'as the system' : each])}
          />
          <Check
            label="Single keys do something"
            checked={hotkeys !== 'off'}
            onChange={(on) => setHotkeys(on ? 'on' : 'off')}
          />
        </div>
      </section>
    </div>
  )
}
