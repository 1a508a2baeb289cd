/** Where a worker thread begins: like the launcher, without types, then with the module that is its first argument. */
import './stripped.js';

await import(process.argv[2]);
