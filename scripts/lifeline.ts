// Loaded into Azurite and func-local before themselves (`node --import`): when whoever started them is gone, however
// that came, they stop cleanly instead of staying behind. Azurite writes to the disk only every few seconds, and on a
// clean stop.
process.channel?.unref()
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'))
