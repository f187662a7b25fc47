import Type from 'typebox'
import { block, choice, listOf, text, time, timeOrNull } from './contract-leaf.ts'
import { operation } from './operation.ts'

export const SessionSchema = Type.Object(
  {
    object: Type.Literal('session'),
    username: Type.String(),
    via: choice(['session', 'basic'], { description: 'How this request came in.' }),
    created_at: timeOrNull(),
    idle_until: timeOrNull({ description: 'When it ends if it is not used.' }),
    expires_at: timeOrNull({ description: 'When it ends in any case.' }),
  },
  { $id: 'Session' },
)

export const login = operation({
  id: 'login',
  method: 'POST',
  path: '/api/session/login',
  summary: 'Begin a session as the admin',
  description:
    'Sets the cookie `sluice_session`. The token is also good as `Authorization: Bearer`, on every route. It ends after 30 minutes without use, and after 12 hours.',
  query: null,
  body: block({
    username: text(),
    password: text({ maxLength: 1024, title: 'text of 1 to 1024 characters', writeOnly: true }),
  }),
  reply: Type.Intersect([SessionSchema, Type.Object({ token: Type.String() })]),
  example: { username: 'admin', password: 'correct horse battery staple' },
  fails: [413, 415],
  open: true,
})

export const getSession = operation({
  id: 'getSession',
  method: 'GET',
  path: '/api/session',
  summary: 'Who is asking, and for how long',
  query: null,
  body: null,
  reply: SessionSchema,
})

export const logout = operation({
  id: 'logout',
  method: 'POST',
  path: '/api/session/logout',
  summary: 'End this session',
  query: null,
  body: null,
  reply: null,
})

export const logoutEverywhere = operation({
  id: 'logoutEverywhere',
  method: 'POST',
  path: '/api/session/logout-everywhere',
  summary: 'End all sessions of the admin',
  query: null,
  body: null,
  reply: Type.Object({ ended: Type.Integer() }),
})

export const listSessions = operation({
  id: 'listSessions',
  method: 'GET',
  path: '/api/sessions',
  summary: 'The sessions of the admin that are not over, the newest first',
  description: 'At most 200.',
  query: null,
  body: null,
  reply: listOf(
    Type.Object({
      object: Type.Literal('open_session'),
      id: Type.String(),
      created_at: time(),
      used_at: time({ description: 'Written down once a minute.' }),
      expires_at: time(),
      current: Type.Boolean({ description: 'Whether it is the one that asks.' }),
    }),
  ),
})

export const endSession = operation({
  id: 'endSession',
  method: 'DELETE',
  path: '/api/sessions/{id}',
  summary: 'End one session',
  query: null,
  body: null,
  reply: null,
  fails: [404],
})

export const changePassword = operation({
  id: 'changePassword',
  method: 'POST',
  path: '/api/session/password',
  summary: "Change the admin's password",
  description:
    'For one that was made at the first run; one of the configuration is changed there. Ends all sessions, this one too.',
  query: null,
  body: block({
    current: text({ maxLength: 1024, title: 'text of 1 to 1024 characters', writeOnly: true }),
    password: text({
      minLength: 12,
      maxLength: 1024,
      title: 'text of 12 to 1024 characters',
      writeOnly: true,
    }),
  }),
  reply: Type.Object({ ended: Type.Integer() }),
  example: { current: 'abcd-efgh-jkmn-pqrs-tuvw', password: 'correct horse battery staple' },
  fails: [409],
})

export const sessionOperations = [
  login,
  getSession,
  logout,
  logoutEverywhere,
  changePassword,
  listSessions,
  endSession,
] as const
