/** What a request of the pixel says about the page: its parameters, and the headers where these say nothing. */
import { type Hit, PAGE_VIEW } from '../model/visit.ts';
import { NAME_BYTES_MAX, PARAMETERS_MAX, TEXT_LENGTH_MAX } from './limits.ts';

export type PageFields = Readonly<Record<string, string>>;

/** Of the request, not of the event: `ts` is when it arrived, and what is of no page has its own meaning. */
const OF_THE_REQUEST = new Set(['key', 'stream', 'ts', 'url']);
/** What addresses and headers say, unless a parameter does. For these there is always room. */
const OF_THE_PAGE = new Set(['type', 'host', 'path', 'language', 'referrer', 'source']);
/** They tell who it is, or help to. */
const PERSONAL = ['user', 'device', 'session', 'visitor', 'country', 'screen', 'language'];
const CAMPAIGN = /^utm_[a-z_]+$/;

type Fields = Record<string, string>;

/** Fields of the event. Queries of addresses are left out, but for `utm_…`: they are where secrets are. */
export function pageFields({ query, page, languages, isPrivate }: Hit): PageFields {
  const parameters = new URLSearchParams(query);
  const address = addressOf(parameters.get('url') ?? '') ?? addressOf(page);
  const ofPage: Fields = { type: PAGE_VIEW };
  const others: Fields = {};
  put(ofPage, 'host', address?.host ?? '');
  put(ofPage, 'path', address?.pathname ?? '');
  put(ofPage, 'language', languages.split(/[,;]/, 1)[0] ?? '');
  for (const [name, value] of address?.searchParams ?? []) {
    if (CAMPAIGN.test(name)) putOther(others, name, value);
  }
  for (const [name, value] of parameters) {
    if (OF_THE_PAGE.has(name)) put(ofPage, name, value);
    else if (!OF_THE_REQUEST.has(name)) putOther(others, name, value);
  }
  const referrer = addressOf(ofPage['referrer'] ?? '');
  delete ofPage['referrer'];
  if (referrer !== undefined) put(ofPage, 'referrer', referrer.origin + referrer.pathname);
  const fields = { ...others, ...ofPage };
  put(fields, 'source', sourceOf(fields, referrer?.host));
  if (isPrivate) for (const name of PERSONAL) delete fields[name];
  return fields;
}

/** Where the visit comes from: what the link says, else the other site that had it. Empty: neither. */
function sourceOf(fields: PageFields, referrerHost = ''): string {
  return (
    fields['source'] ??
    fields['utm_source'] ??
    (referrerHost === fields['host'] ? '' : referrerHost)
  );
}

/** An empty value is none, and so keeps what was said elsewhere. */
function put(fields: Fields, name: string, value: string): void {
  if (value !== '') fields[name] = value.slice(0, TEXT_LENGTH_MAX);
}

/** As `put`, within the bounds of what anybody may invent. */
function putOther(others: Fields, name: string, value: string): void {
  const hasRoom = Object.hasOwn(others, name) || Object.keys(others).length < PARAMETERS_MAX;
  if (name !== '' && Buffer.byteLength(name) <= NAME_BYTES_MAX && hasRoom) put(others, name, value);
}

/** Of a web page; undefined for anything else. */
function addressOf(text: string): URL | undefined {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) ? url : undefined;
}
