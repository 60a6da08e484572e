// Prints what hyparquet reads of a Parquet file as JSON; of a file _metadata, whose rows are in others, its row groups.
// Usage: node read_parquet.mjs NODE_MODULES FILE
import { pathToFileURL } from 'node:url'

const [modules, path] = process.argv.slice(2)
const load = name => import(pathToFileURL(`${modules}/${name}`))
const { parquetMetadataAsync, parquetReadObjects, parquetSchema } = await load('hyparquet/src/index.js')
const { asyncBufferFromFile } = await load('hyparquet/src/node.js')
const { compressors } = await load('hyparquet-compressors/src/index.js')

const file = await asyncBufferFromFile(path)
const metadata = await parquetMetadataAsync(file)
const is_index = path.endsWith('/_metadata')
const rows = is_index ? [] : await parquetReadObjects({ file, metadata, compressors })
const columns = {}
for (const { element } of parquetSchema(metadata).children) columns[element.name] = rows.map(row => row[element.name])
const pairs = Object.fromEntries((metadata.key_value_metadata ?? []).map(({ key, value }) => [key, value]))
// JSON has neither integers of 64 bits nor NaN, but Python reads them.
const plain = (_, value) =>
  typeof value === 'bigint' ? `int:${value}` : typeof value === 'number' && !Number.isFinite(value) ? `float:${value}` : value
process.stdout.write(JSON.stringify({ columns, metadata: pairs, row_groups: metadata.row_groups.map(g => is_index ?
  [g.columns.map(c => c.file_path), Number(g.num_rows), g.columns.map(c => Number(c.meta_data.num_values))] : Number(g.num_rows)), rows: metadata.num_rows }, plain)
  .replace(/"int:(-?\d+)"/g, '$1').replace(/"float:(NaN|-?Infinity)"/g, '$1'))
