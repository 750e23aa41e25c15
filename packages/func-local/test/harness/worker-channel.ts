/**
 * The worker's end of its channel to the host, as the start of a script: `send(message)` sends, and `receive(message)`, which the
 * script has to declare, gets each message that comes.
 */
export const WORKER_CHANNEL = `
const { Socket } = require('node:net')
const { serialize, deserialize } = require('node:v8')
const socket = new Socket({ fd: 3 })
const send = (message) => {
  const body = serialize(message)
  const head = Buffer.alloc(4)
  head.writeUInt32LE(body.length)
  socket.write(Buffer.concat([head, body]))
}
let buffer = Buffer.alloc(0)
socket.on('data', (chunk) => {
  buffer = Buffer.concat([buffer, chunk])
  while (buffer.length >= 4 && buffer.length >= 4 + buffer.readUInt32LE(0)) {
    const end = 4 + buffer.readUInt32LE(0)
    const message = deserialize(buffer.subarray(4, end))
    buffer = buffer.subarray(end)
    receive(message)
  }
})
`
