/** What a model asks for, and where its values lie: `low` to `high`, whole numbers below `high` for an id. */
export interface Feature {
  readonly name: string;
  readonly type: 'number' | 'id';
  readonly low: number;
  readonly high: number;
}

const RANGES: Readonly<Record<string, readonly [low: number, high: number]>> = {
  tenure_months: [0, 120],
  monthly_spend: [5, 900],
  open_tickets: [0, 20],
  age: [18, 90],
  logins: [0, 400],
  late_share: [0, 1],
  nps: [-100, 100],
  days_idle: [0, 365],
  basket_value: [1, 500],
  orders: [0, 80],
  returns: [0, 20],
  discount_share: [0, 1],
  seats: [1, 500],
  active_seats: [0, 500],
  storage_gib: [0, 2_000],
  api_calls: [0, 100_000],
  error_rate: [0, 0.2],
  latency_ms: [1, 3_000],
  income: [8_000, 240_000],
  debt_ratio: [0, 2],
  credit_lines: [0, 30],
  utilisation: [0, 1],
  inquiries: [0, 15],
  account_age_days: [0, 6_000],
  distance_km: [0, 1_500],
  weight_kg: [0, 60],
  stops: [0, 40],
  hour_of_day: [0, 24],
  day_of_week: [0, 7],
  temperature: [-25, 42],
  humidity: [0, 100],
  pressure_hpa: [960, 1_050],
  vibration: [0, 8],
  runtime_hours: [0, 50_000],
  price: [0.5, 3_000],
  competitor_price: [0.5, 3_000],
  stock: [0, 9_000],
  page_views: [0, 700],
  session_minutes: [0, 180],
  email_opens: [0, 60],
};

const POOL: readonly Feature[] = Object.entries(RANGES).map(([name, [low, high]]) => ({
  name,
  type: 'number',
  low,
  high,
}));

/** `count` features of the pool from the `from`th on, in turn. */
export function numbers(from: number, count: number): Feature[] {
  return Array.from({ length: count }, (_, at) => POOL[(from + at) % POOL.length] as Feature);
}

export function ids(names: readonly string[], cardinality: number): Feature[] {
  return names.map((name) => ({ name, type: 'id', low: 0, high: cardinality }));
}
