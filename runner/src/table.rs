//! How this tool's tables look.

use comfy_table::{CellAlignment, ContentLineStyle, LineStyle, Table, TableStyle};

const RULED_HEADER: TableStyle = TableStyle::new()
    .header_lines(ContentLineStyle::none())
    .header_separator(LineStyle::none().fill('─').junction('─'))
    .content_lines(ContentLineStyle::none());

/// A table with its header; its columns hold numbers from column `first_number` on.
pub(crate) fn new<const COLUMNS: usize>(header: [&str; COLUMNS], first_number: usize) -> Table {
    let mut table = Table::new();
    table.load_style(RULED_HEADER).set_header(header);
    for column in table.column_iter_mut().skip(first_number) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
