/** A small file of countries in MaxMind's format: https://maxmind.github.io/MaxMind-DB/ */

/** IPv4 network, such as 192.0.2.0/24, to its country. */
export type CountriesByNetwork = Readonly<Record<string, string>>;

const NOT_FOUND = -1;
const SEPARATOR_BYTES = 16;
const RECORD_BYTES = 3;
const MARKER = Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1');

export function mmdbOf(countries: CountriesByNetwork): Buffer {
  // Per node the record of each bit: another node, a place in the data (below -1), or nothing.
  const nodes: [number, number][] = [[NOT_FOUND, NOT_FOUND]];
  const data: Buffer[] = [];
  let dataBytes = 0;
  for (const [network, country] of Object.entries(countries)) {
    const [address = '', length] = network.split('/');
    const bits = address.split('.').map((part) => Number(part).toString(2).padStart(8, '0'));
    const path = [...bits.join('').slice(0, Number(length))].map(Number);
    const last = path.pop() as 0 | 1;
    let node = 0;
    for (const bit of path as (0 | 1)[]) {
      const records = nodes[node] as [number, number];
      if (records[bit] === NOT_FOUND) records[bit] = nodes.push([NOT_FOUND, NOT_FOUND]) - 1;
      node = records[bit];
    }
    (nodes[node] as [number, number])[last] = NOT_FOUND - 1 - dataBytes;
    const entry = map({ country: map({ iso_code: text(country) }) });
    data.push(entry);
    dataBytes += entry.length;
  }
  const count = nodes.length;
  const tree = Buffer.alloc(count * 2 * RECORD_BYTES);
  for (const [i, record] of nodes.flat().entries()) {
    const place = NOT_FOUND - 1 - record;
    const value =
      record === NOT_FOUND ? count : record < 0 ? count + SEPARATOR_BYTES + place : record;
    tree.writeUIntBE(value, i * RECORD_BYTES, RECORD_BYTES);
  }
  const metadata = map({
    record_size: uint16(RECORD_BYTES * 8),
    node_count: uint16(count),
    ip_version: uint16(4),
    binary_format_major_version: uint16(2),
    database_type: text('Test'),
  });
  return Buffer.concat([tree, Buffer.alloc(SEPARATOR_BYTES), ...data, MARKER, metadata]);
}

const TYPE = { text: 2, uint16: 5, map: 7 } as const;

/** Of what is shorter than 29 bytes, or has fewer keys. */
const head = (type: keyof typeof TYPE, size: number): Buffer =>
  Buffer.from([(TYPE[type] << 5) | size]);

const text = (value: string): Buffer =>
  Buffer.concat([head('text', value.length), Buffer.from(value)]);

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return Buffer.concat([head('uint16', 2), bytes]);
}

function map(values: Readonly<Record<string, Buffer>>): Buffer {
  const entries = Object.entries(values);
  return Buffer.concat([
    head('map', entries.length),
    ...entries.flatMap(([key, value]) => [text(key), value]),
  ]);
}
