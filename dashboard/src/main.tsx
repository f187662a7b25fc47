import './style/tokens.css'
import './style/base.css'
import './style/shell.css'
import './style/parts.css'
import './style/parts-content.css'
import './style/pages.css'
import { QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { router } from './app/router.tsx'
import { SessionGate } from './app/session-gate.tsx'
import { applyTheme } from './app/theme.ts'
import { client } from './data/client.ts'
import { Toaster } from './parts/toaster.tsx'

applyTheme()
const root = document.getElementById('root')
if (!root) throw new Error('index.html has no element for the pages')
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <SessionGate>
        <RouterProvider router={router} />
      </SessionGate>
      <Toaster />
    </QueryClientProvider>
  </StrictMode>,
)
