// Loaded into Azurite and func-local before their own code (`node --import`). They stop cleanly when their parent process is
// gone, for whatever reason. Azurite writes to disk only every few seconds and on a clean stop.
process.channel?.unref()
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'))
