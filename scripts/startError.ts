/** Something a person has to put right before `npm start` can go on. Its message is all they see. */
export class StartError extends Error {
  override readonly name = 'StartError'
}
