//! Checks the function under `#[hook]` and writes the component's export.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, FnArg, Ident, ItemFn, ReturnType, Signature, Type};

const SHAPE: &str = "a hook looks like `fn run(event: Event) -> Result<(), E>`";

pub(crate) fn expand(arguments: TokenStream, item: ItemFn) -> Result<TokenStream, Error> {
    if !arguments.is_empty() {
        return Err(Error::new_spanned(arguments, "`#[hook]` takes no arguments"));
    }
    let parameter = check(&item.sig)?;
    let ReturnType::Type(_, returned) = &item.sig.output else {
        return Err(Error::new(
            item.sig.paren_token.span.close(),
            format!("a hook returns `Result<(), E>`, with any `E` that can be displayed: {SHAPE}"),
        ));
    };

    let ItemFn { attrs, vis, sig, block } = &item;
    let name = &sig.ident;
    // Hygienic, so that neither can be seen by the body.
    let event = Ident::new("event", Span::mixed_site());
    let result = Ident::new("result", Span::mixed_site());

    // Wrong types are told in the span of what the author wrote.
    let written = parameter.written();
    let takes = quote_spanned!(written.span()=> ::hookward_sdk::__private::takes);
    let located = Ident::new("result", Span::mixed_site().located_at(returned.span()));
    let error_of = quote_spanned!(returned.span()=> ::hookward_sdk::__private::Returned::error(&#located));
    let text = quote_spanned!(returned.span()=> ::hookward_sdk::__private::error_text!(error));
    let passed = match parameter {
        Parameter::Owned(_) => quote!(#event),
        Parameter::Borrowed(_) => quote!(&#event),
    };

    Ok(quote! {
        #(#attrs)*
        #vis fn #name(#event: #written) -> #returned {
            #sig #block
            #takes::<#written>();
            let #result = #name(#event);
            // What the host would be told, for the test door.
            #[cfg(not(target_family = "wasm"))]
            if let ::core::option::Option::Some(error) = #error_of {
                ::hookward_sdk::__private::note_error(#text);
            }
            #result
        }

        #[cfg(target_family = "wasm")]
        const _: () = {
            struct Component;

            impl ::hookward_sdk::__private::Guest for Component {
                fn run(
                    #event: ::hookward_sdk::Event,
                ) -> ::core::result::Result<(), ::hookward_sdk::__private::String> {
                    let #result = #name(#passed);
                    match #error_of {
                        ::core::option::Option::None => ::core::result::Result::Ok(()),
                        ::core::option::Option::Some(error) => ::core::result::Result::Err(#text),
                    }
                }
            }

            ::hookward_sdk::__private::export!(Component with_types_in ::hookward_sdk::__private);

            // A custom section of the module, which `hookward hook inspect` reads.
            #[used]
            #[unsafe(link_section = "hookward-sdk")]
            static SDK: [::core::primitive::u8; ::hookward_sdk::__private::STAMP.len()] =
                ::hookward_sdk::__private::STAMP;
        };
    })
}

enum Parameter<'a> {
    Owned(&'a Type),
    Borrowed(&'a Type),
}

impl Parameter<'_> {
    fn written(&self) -> &Type {
        match self {
            Self::Owned(written) | Self::Borrowed(written) => written,
        }
    }
}

fn check(sig: &Signature) -> Result<Parameter<'_>, Error> {
    let refuse = |what: &dyn ToTokens, message: &str| Err(Error::new_spanned(what, format!("{message}: {SHAPE}")));
    if let Some(token) = &sig.asyncness {
        return refuse(token, "a hook can't be async, for it is called once and waited for");
    }
    if let Some(token) = &sig.constness {
        return refuse(token, "a hook can't be const");
    }
    if let Some(token) = &sig.unsafety {
        return refuse(token, "a hook can't be unsafe");
    }
    if let Some(token) = &sig.abi {
        return refuse(token, "a hook has no ABI of its own");
    }
    if !sig.generics.params.is_empty() {
        return refuse(&sig.generics, "a hook can't be generic");
    }
    if let Some(clause) = &sig.generics.where_clause {
        return refuse(clause, "a hook can't be generic");
    }
    if let Some(token) = &sig.variadic {
        return refuse(token, "a hook takes one event");
    }
    if let Some(receiver) = sig.receiver() {
        return refuse(receiver, "a hook can't be a method");
    }
    let mut inputs = sig.inputs.iter();
    let Some(first) = inputs.next() else {
        return Err(Error::new(
            sig.paren_token.span.join(),
            format!("a hook takes the event that it is called for: {SHAPE}"),
        ));
    };
    if let Some(second) = inputs.next() {
        return refuse(second, "a hook takes the event and nothing else, settings come from `config()`");
    }
    match first {
        FnArg::Receiver(receiver) => refuse(receiver, "a hook can't be a method"),
        FnArg::Typed(typed) => match &*typed.ty {
            Type::ImplTrait(written) => refuse(written, "a hook can't be generic"),
            Type::Reference(written) if written.mutability.is_some() => {
                refuse(written, "a hook takes `Event` or `&Event`")
            }
            written @ Type::Reference(_) => Ok(Parameter::Borrowed(written)),
            written => Ok(Parameter::Owned(written)),
        },
    }
}
