// Loaded into Azurite and func-local before their own code (`node --import`): when the process that started them is gone, for
// whatever reason, they stop cleanly instead of staying behind. Azurite writes to the disk only every few seconds, and on a
// clean stop.
const stop = () => process.kill(process.pid, 'SIGTERM')
process.channel?.unref()
process.on('disconnect', stop)
// The parent may have gone while this process was still starting.
if (!process.connected) stop()
