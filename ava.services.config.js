/** Tests against other people's programs, which have to be there: nothing is left out when one is missing. */
export default {
  extensions: ['ts'],
  files: ['test/services/**/*.test.ts'],
  workerThreads: false,
  // Each starts several of them: side by side they would wait for each other until their patience ends.
  concurrency: 1,
  // The first build of a Go program compiles everything that it depends on.
  timeout: '10m',
};
