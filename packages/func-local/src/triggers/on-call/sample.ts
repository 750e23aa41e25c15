/** A message that means nothing in particular: JSON, because most handlers read JSON. */
export const SAMPLE_MESSAGE = '{"id":"1","name":"sample"}'
