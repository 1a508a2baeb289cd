/** What may name a stream: it becomes a label, a folder of the archive, and a table in SQL. */

const STREAM_NAME = /^\w[\w.-]{0,63}$/;

export const isStreamName = (name: string): boolean => STREAM_NAME.test(name);

/** In the words of every refusal. */
export const STREAM_NAME_RULE =
  'a stream\'s name is 1 to 64 letters, digits, "_", "." or "-" and starts with none of the last two';
