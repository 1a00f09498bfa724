import { defineConfig } from 'vite';

export default defineConfig({
  // The package says "use client", which is for servers that render components.
  build: { rolldownOptions: { checks: { moduleLevelDirective: false } } },
  logLevel: 'warn',
});
