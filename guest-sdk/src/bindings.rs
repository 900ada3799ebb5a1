//! What wit-bindgen makes of the contract.

wit_bindgen::generate!({
    world: "hookward:sdk/sdk",
    path: ["wit/0.1.0", "wit-sdk"],
    generate_all,
    additional_derives: [PartialEq],
    pub_export_macro: true,
    export_macro_name: "export",
});
