//! Streams around streams: the methods that do nothing but ask the inner one.

/// Methods of tokio's `AsyncRead` and `AsyncWrite`, or of hyper's `Write`, that call the same method of the stream in a
/// field: `delegate_io!(stream: poll_flush, poll_shutdown)`.
///
/// Written out they are 25 lines in each wrapper, among which the method that the wrapper is for is hard to see. The
/// gateway has such wrappers too; for others this is not part of the API.
#[doc(hidden)]
#[macro_export]
macro_rules! _delegate_io {
    ($io:tt: $($method:ident),+ $(,)?) => {
        $($crate::_delegate_io!(@$method $io);)+
    };
    (@poll_read $io:tt) => {
        fn poll_read(
            mut self: ::std::pin::Pin<&mut Self>,
            cx: &mut ::std::task::Context<'_>,
            buf: &mut ::tokio::io::ReadBuf<'_>,
        ) -> ::std::task::Poll<::std::io::Result<()>> {
            ::std::pin::Pin::new(&mut self.$io).poll_read(cx, buf)
        }
    };
    (@poll_write $io:tt) => {
        fn poll_write(
            mut self: ::std::pin::Pin<&mut Self>,
            cx: &mut ::std::task::Context<'_>,
            buf: &[u8],
        ) -> ::std::task::Poll<::std::io::Result<usize>> {
            ::std::pin::Pin::new(&mut self.$io).poll_write(cx, buf)
        }
    };
    (@poll_write_vectored $io:tt) => {
        fn poll_write_vectored(
            mut self: ::std::pin::Pin<&mut Self>,
            cx: &mut ::std::task::Context<'_>,
            bufs: &[::std::io::IoSlice<'_>],
        ) -> ::std::task::Poll<::std::io::Result<usize>> {
            ::std::pin::Pin::new(&mut self.$io).poll_write_vectored(cx, bufs)
        }
    };
    (@is_write_vectored $io:tt) => {
        fn is_write_vectored(&self) -> bool {
            self.$io.is_write_vectored()
        }
    };
    (@poll_flush $io:tt) => {
        fn poll_flush(
            mut self: ::std::pin::Pin<&mut Self>,
            cx: &mut ::std::task::Context<'_>,
        ) -> ::std::task::Poll<::std::io::Result<()>> {
            ::std::pin::Pin::new(&mut self.$io).poll_flush(cx)
        }
    };
    (@poll_shutdown $io:tt) => {
        fn poll_shutdown(
            mut self: ::std::pin::Pin<&mut Self>,
            cx: &mut ::std::task::Context<'_>,
        ) -> ::std::task::Poll<::std::io::Result<()>> {
            ::std::pin::Pin::new(&mut self.$io).poll_shutdown(cx)
        }
    };
}

pub(crate) use _delegate_io as delegate_io;
