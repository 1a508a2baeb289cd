/** Names with their sizes, the greatest first, each with a bar of its part of the greatest. */
import type { ComponentChildren } from 'preact';

export interface Bar {
  readonly key: string;
  readonly name: ComponentChildren;
  readonly size: number;
  /** The numbers of its row, as they are shown. */
  readonly cells: readonly ComponentChildren[];
}

export interface BarTableProps {
  /** What the names are, and each of the numbers. */
  readonly heads: readonly string[];
  readonly bars: readonly Bar[];
}

export function BarTable({ heads: [name, ...numbers], bars }: BarTableProps) {
  const most = bars.reduce((greatest, { size }) => Math.max(greatest, size), 0);
  return (
    <table class="bars">
      {/* Of one number its title says what it is. */}
      <thead class={numbers.length > 1 ? undefined : 'unseen'}>
        <tr>
          <th scope="col">{name}</th>
          {numbers.map((number) => (
            <th key={number} scope="col" class="number">
              {number}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {bars.map(({ key, name: shown, size, cells }) => (
          <tr key={key}>
            <th scope="row">
              {shown}
              <meter class="bar-of" min={0} max={most} value={size} aria-hidden="true" />
            </th>
            {cells.map((cell, i) => (
              <td key={numbers[i]} class="number">
                {cell}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
