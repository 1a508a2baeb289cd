/** Requests of the pixel as an edge hands them on. */
import type { Hit } from '../../src/model/visit.ts';

export const hitOf = (more: Partial<Hit> = {}): Hit => ({
  tenant: 'acme',
  network: '192.0.2.0',
  agent: 'Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0',
  isPrivate: false,
  stream: 'events',
  arrivalMs: 1_000,
  query: '',
  page: '',
  languages: '',
  ...more,
});
