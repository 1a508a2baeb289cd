/** Where every worker thread of the server begins; `argv` names the module it runs. */
export const THREAD = new URL('../../bin/thread.js', import.meta.url);
