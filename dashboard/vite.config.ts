import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

// biome-ignore lint/style/noDefaultExport: Vite reads its configuration from the default export.
export default defineConfig({
  plugins: [react()],
  build: {
    // A script element made by hand would need a Trusted Types policy; browsers of today preload by themselves.
    modulePreload: { polyfill: false },
    sourcemap: false,
    // Without inlining, `img-src` and `style-src` may stay as narrow as they are.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 700,
  },
})
