"""Reference answers: DuckDB computes, from the same files, what the jobs meter,
lorawan and twizy compute, and reads what idag wrote. All numbers must be equal:
whole numbers and texts exactly, others to twelve digits.

    python reference.py PROGRAM DATA
"""

import json
import math
import os
import subprocess
import sys
import tempfile

import duckdb

METER = {
    "per_meter": """
        SELECT meter, time_bucket(INTERVAL 1 DAY, ts) AS window_start, sum(wh - back) AS wh, count(*) AS n
        FROM events WHERE kind IN ('backup', 'information') GROUP BY ALL""",
    "per_feeder": """
        SELECT feeder, CASE WHEN hour(ts) < 6 OR hour(ts) >= 22 THEN 'night' WHEN hour(ts) >= 17 THEN 'peak' ELSE 'day' END AS tariff,
            time_bucket(INTERVAL 1 DAY, ts) AS window_start, avg(p) AS power, max(p) AS peak, avg(p / 7360) AS load_factor, count(*) AS n
        FROM (SELECT *, mv::DOUBLE * ma / 1000000 AS p FROM events WHERE kind = 'information') GROUP BY ALL""",
    "outages": """
        SELECT feeder, time_bucket(INTERVAL 1 DAY, ts) AS window_start, avg(s) AS share, max(s) AS worst,
            count(*) FILTER (s < 0.25) AS restored, count(*) AS n
        FROM (SELECT *, back / (wh + back) AS s FROM events WHERE kind = 'backup') GROUP BY ALL""",
    "alerts": """
        SELECT ts, meter, feeder, code, code // 100 AS severity, fault, firmware FROM (
            SELECT *, CASE WHEN code % 100 < 40 THEN 'communication' WHEN code % 100 < 70 THEN 'sensor'
                WHEN code % 100 < 90 THEN 'power' ELSE 'tamper' END AS fault FROM events WHERE kind = 'error')
        WHERE code // 100 >= 4 AND fault IN ('power', 'tamper')""",
}

LORAWAN = {
    "hours": """
        SELECT dev_eui, time_bucket(INTERVAL 1 HOUR, "at") AS window_start, count(*) AS frames,
            count(*) FILTER (label = 'error') AS errors, count(*) FILTER (label = 'backup') AS backups,
            avg(temperature) AS temperature, min(temperature) AS coldest, max(temperature) AS warmest,
            avg(battery) AS battery, min(battery) AS weakest_battery, avg(rssi) AS rssi, avg(snr) AS snr,
            CASE WHEN first(fcnt ORDER BY "at") = min(fcnt) AND last(fcnt ORDER BY "at") = max(fcnt)
            THEN 1 - count(DISTINCT fcnt) / (max(fcnt) - min(fcnt) + 1) END AS loss
        FROM events GROUP BY ALL""",
    "alerts": """SELECT "at", dev_eui, fcnt, cause, battery, temperature FROM events WHERE label = 'error'""",
    "delays": "SELECT dev_eui, count(*) AS frames, max(delay) AS longest, avg(delay) AS mean FROM events WHERE label = 'backup' GROUP BY ALL",
    "gaps": """
        SELECT dev_eui, "at", fcnt FROM events AS f WHERE NOT EXISTS (
            FROM events AS p WHERE p.dev_eui = f.dev_eui AND p.fcnt + 1 = f.fcnt AND p."at" BETWEEN f."at" - INTERVAL 1 DAY AND f."at")""",
}

TWIZY = {
    "minutes": """
        SELECT trip, date_trunc('minute', "at") AS minute, Weather, Traffic, count(*) AS seconds, sum(Speed / 3600) AS km, avg(Speed) AS speed,
            max(Speed) AS fastest, sum(used) AS used_wh, sum(regained) AS regained_wh
        FROM seconds GROUP BY ALL""",
    "conditions": """
        SELECT *, (used_wh - regained_wh) / km AS wh_per_km, regained_wh / used_wh AS regained_share FROM (
            SELECT trip[1:2] AS route, Weather, Traffic, count(*) AS seconds, sum(Speed / 3600) AS km, avg(Speed) AS speed,
                sum(used) AS used_wh, sum(regained) AS regained_wh
            FROM seconds GROUP BY ALL)""",
    "speeding": """
        SELECT trip, count(*) FILTER (Speed > SpeedLimit) AS seconds, max(Speed - SpeedLimit) AS worst
        FROM seconds WHERE Mode <> 'N' GROUP BY ALL""",
}


def meter(db, data, made):
    db.sql(f"CREATE OR REPLACE TABLE events AS SELECT * REPLACE (ts::TIMESTAMP AS ts) FROM read_parquet('{made}/**/*.parquet')")
    return "SELECT count(*) FROM events", "SELECT count(*) FROM events WHERE kind NOT IN ('error', 'backup', 'information')"


def lorawan(db, data, made):
    db.sql(f"""
        CREATE OR REPLACE TABLE events AS SELECT *,
            make_timestamp(reported_at * 1000) AS "at", (_timestamp - reported_at) / 1000 AS delay,
            decoded.payload.temperature::DOUBLE AS temperature,
            coalesce(decoded.payload.vdd, decoded.payload.batteryVoltage)::DOUBLE AS battery,
            hotspots[1].rssi::DOUBLE AS rssi, hotspots[1].snr::DOUBLE AS snr,
            CASE WHEN decoded.payload.temperature IS NULL THEN 'no reading'
                WHEN decoded.payload.waterleak > 0 THEN 'water leak'
                WHEN decoded.payload.vdd < 3560 OR decoded.payload.batteryVoltage < 3400 THEN 'low voltage'
                WHEN port = 1 AND (decoded.payload.latitude IS NULL OR decoded.payload.latitude = 0) THEN 'no position' END AS cause,
            CASE WHEN _timestamp - reported_at > 60000 THEN 'backup' WHEN cause IS NOT NULL THEN 'error' ELSE 'information' END AS label
        FROM read_json('{data}/lorawan/*.gz', format = 'newline_delimited', maximum_depth = -1, sample_size = -1)""")
    return "SELECT count(*) FROM events", "SELECT 0"


def twizy(db, data, made):
    db.sql(f"""
        CREATE OR REPLACE TABLE raw AS SELECT * REPLACE (Soc::DOUBLE AS Soc, Speed::DOUBLE AS Speed, SpeedLimit::DOUBLE AS SpeedLimit,
                LAT::DOUBLE AS LAT, LON::DOUBLE AS LON, Traffic::BIGINT AS Traffic),
            try_strptime(Date || ' ' || Time, '%m/%d/%Y %H:%M:%S') AS "at", regexp_extract(filename, '([^/]+)[.]csv$', 1) AS trip
        FROM read_csv('{data}/twizy/*.csv', header = true, all_varchar = true, filename = true)""")
    db.sql("""
        CREATE OR REPLACE TABLE good AS SELECT * FROM raw WHERE "at" IS NOT NULL AND LAT BETWEEN 33 AND 35 AND LON BETWEEN -8 AND -6""")
    db.sql("""
        CREATE OR REPLACE TABLE seconds AS SELECT s.*,
            CASE WHEN e.Soc - s.Soc BETWEEN 0 AND 1 THEN 61 * (e.Soc - s.Soc) END AS used,
            CASE WHEN s.Soc - e.Soc BETWEEN 0 AND 1 THEN 61 * (s.Soc - e.Soc) END AS regained
        FROM good AS s LEFT JOIN good AS e ON e.trip = s.trip AND s."at" = e."at" + INTERVAL 1 SECOND""")
    return "SELECT count(*) FROM raw", "SELECT (SELECT count(*) FROM raw) - (SELECT count(*) FROM good)"


def run(program, *args):
    out = subprocess.run([program, *args], check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(out.strip().splitlines()[-1])


def norm(v):
    """A value such that equal ones sort alike, however near a float may be."""
    if isinstance(v, float) and v.is_integer():
        return int(v)
    return v


def same(a, b):
    if isinstance(a, float) or isinstance(b, float):
        if a is None or b is None:
            return False
        return math.isclose(a, b, rel_tol=1e-12, abs_tol=1e-12) or (math.isnan(a) and math.isnan(b))
    return a == b


def order(row):
    return tuple((v is None, "" if v is None else f"{v:.6e}" if isinstance(v, (int, float)) else str(v)) for v in row)


def compare(db, name, query, path):
    want = db.sql(query)
    columns = want.columns
    quoted = ", ".join(f'"{c}"' for c in columns)
    files = f"read_parquet('{path}/**/*.parquet', hive_partitioning = false, union_by_name = true)"
    types = {r[0]: r[1] for r in db.sql(f"DESCRIBE SELECT {quoted} FROM {files}").fetchall()}
    picked = ", ".join(f"\"{c}\" AT TIME ZONE 'UTC'" if "WITH TIME ZONE" in types[c] else f'"{c}"' for c in columns)
    got = db.sql(f"SELECT {picked} FROM {files}")
    a, b = sorted(want.fetchall(), key=order), sorted(got.fetchall(), key=order)
    if len(a) != len(b):
        return [f"{name}: {len(b)} rows, the reference has {len(a)}"]
    wrong = []
    for x, y in zip(a, b):
        for c, v, w in zip(columns, x, y):
            if not same(v, w):
                wrong.append(f"{name}: {dict(zip(columns, y))}: {c} is {w!r}, the reference has {v!r}")
    return wrong[:5]


def main():
    program, data = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    failed = False
    with tempfile.TemporaryDirectory() as tmp:
        made = os.path.join(tmp, "meter")
        subprocess.run([program, "generate", "--rows", "300000", "--set", "dirt=0.001", "--out", made], check=True)
        for job, load, queries in (("meter", meter, METER), ("lorawan", lorawan, LORAWAN), ("twizy", twizy, TWIZY)):
            if job != "meter" and not os.path.isdir(os.path.join(data, job)):
                print(f"skipped: reference {job} (no recording in {data})")
                continue
            db = duckdb.connect()
            db.sql("SET TimeZone = 'UTC'")
            where = ["--set", f"path={made}"] if job == "meter" else ["--set", f"data={data}"]
            for plan in ("", "--linear"):
                out = os.path.join(tmp, job + "out" + plan)
                s = run(program, "run", job, "--json", "--set", f"out={out}", *where, *([plan] if plan else []))
                rows, dead = (db.sql(q).fetchall()[0][0] for q in load(db, data, made))
                wrong = []
                if (s["rows_in"], s["dead_letters"]) != (rows, dead):
                    wrong.append(f"{job}: {s['rows_in']} rows in and {s['dead_letters']} dead letters, the reference has {rows} and {dead}")
                for name, query in queries.items():
                    wrong += compare(db, f"{job}/{name}", query, os.path.join(out, name))
                print(f"{'FAIL' if wrong else 'ok'}   {job} ({s['plan']}): {rows} rows, {len(queries)} answers")
                for line in wrong:
                    print("     " + line)
                failed = failed or bool(wrong)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
