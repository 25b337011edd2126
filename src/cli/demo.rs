//! demo
mod summary;
mod totals;
mod verdict;
