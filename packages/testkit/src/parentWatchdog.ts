// Loaded into Azurite and func-local before their own code (`node --import`): when the process that started them is gone, for
// whatever reason, they stop cleanly instead of staying behind. Azurite writes to the disk only every few seconds, and on a
// clean stop.
process.channel?.unref()
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'))
