import classes from "./Sparkline.module.css";

type Props = {
  values: readonly (number | null)[];
  /** What the drawing says, for those who do not see it. */
  label: string;
  /** The top of the drawing; the largest value when left out. */
  max?: number | null;
};

const WIDTH = 100;
const HEIGHT = 32;

/** The last values as a line: a shape to compare with, next to a number that says it exactly. */
export function Sparkline({ values, label, max }: Props) {
  return (
    <svg
      className={classes.chart}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      {segments(values, max).map((points) => (
        <g key={points}>
          <polygon className={classes.area} points={areaUnder(points)} />
          <polyline className={classes.line} points={points} />
        </g>
      ))}
    </svg>
  );
}

/** Lines between neighbours that are known; what was not known is a gap. */
export function segments(values: readonly (number | null)[], max?: number | null): string[] {
  const top = Math.max(max ?? 0, ...values.map((value) => value ?? 0)) || 1;
  const step = values.length > 1 ? WIDTH / (values.length - 1) : WIDTH;
  const lines: string[][] = [[]];
  values.forEach((value, index) => {
    if (value === null) lines.push([]);
    else lines.at(-1)?.push(`${round(index * step)},${round(HEIGHT - 1 - (value / top) * (HEIGHT - 2))}`);
  });
  return lines.filter((line) => line.length > 1).map((line) => line.join(" "));
}

function areaUnder(points: string): string {
  const all = points.split(" ");
  const left = all[0]?.split(",")[0];
  const right = all.at(-1)?.split(",")[0];
  return `${left},${HEIGHT} ${points} ${right},${HEIGHT}`;
}

const round = (value: number): number => Math.round(value * 10) / 10;
