/** Jest: a file as the text in it, which is what the bundle makes of it, too. */
export default {
  process: (text) => ({ code: `module.exports = ${JSON.stringify(text)}` }),
}
