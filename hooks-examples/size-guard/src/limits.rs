//! Bounds that hold for a run by itself.

use bytesize::ByteSize;
use hookward_sdk::Summary;

use crate::config::Config;

pub(crate) fn check(summary: &Summary, config: &Config) -> Vec<String> {
    let files = summary.total_files_processed;
    let bytes = summary.total_bytes_processed;
    let too_few = (files < config.min_files).then(|| match files {
        0 => "it has no files: look at the sources of the profile, and whether they are mounted".to_owned(),
        _ => format!("it has {files} files, fewer than the {} of `min-files`", config.min_files),
    });
    let too_many = config
        .max_files
        .filter(|limit| files > *limit)
        .map(|limit| format!("it has {files} files, more than the {limit} of `max-files`"));
    let too_small = config
        .min_bytes
        .filter(|limit| bytes < limit.as_u64())
        .map(|limit| format!("it holds {}, less than the {limit} of `min-bytes`", ByteSize(bytes)));
    let too_large = config
        .max_bytes
        .filter(|limit| bytes > limit.as_u64())
        .map(|limit| format!("it holds {}, more than the {limit} of `max-bytes`", ByteSize(bytes)));
    let too_new = config.max_new_bytes.filter(|limit| summary.data_added > limit.as_u64()).map(|limit| {
        let added = ByteSize(summary.data_added);
        format!("it added {added} to the repository, more than the {limit} of `max-new-bytes`")
    });
    [too_few, too_many, too_small, too_large, too_new].into_iter().flatten().collect()
}
