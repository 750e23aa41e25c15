import { app } from '@azure/functions'

// What an app can't be smaller than: one handler, nothing else.
app.setup({ enableHttpStream: true })

app.http('noop', { methods: ['GET', 'POST'], authLevel: 'anonymous', handler: () => ({}) })
